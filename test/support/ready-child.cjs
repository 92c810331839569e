// A program as the supervisor knows them: prints its ready line, ends on SIGTERM or with the pipe to its parent.
const { appendFileSync } = require('node:fs');

const [role, journal, ...rest] = process.argv.slice(2);
const note = (what) => appendFileSync(journal, `${role} ${what}\n`);
const end = () => {
  note('ended');
  process.exit(0);
};
process.once('SIGTERM', end);
process.once('disconnect', end);
note(`started ${rest.join(' ')}`.trim());
process.stdout.write('some chatter\n');
process.stdout.write(`${JSON.stringify({ ready: true, registry: '127.0.0.1:7001', beacon: '127.0.0.1:7002' })}\n`);
