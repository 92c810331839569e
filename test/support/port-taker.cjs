// Takes a port of 127.0.0.1, then runs a command beside it and ends with it: PORT PROGRAM ARGS
const { spawn } = require('node:child_process');
const { createServer } = require('node:net');

const [port, program, ...args] = process.argv.slice(2);
createServer().listen(Number(port), '127.0.0.1', () => {
  const { NODE_CHANNEL_FD: _ours, ...env } = process.env;
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env });
  process.once('SIGTERM', () => child.kill('SIGTERM'));
  child.once('exit', (code) => process.exit(code ?? 1));
});
