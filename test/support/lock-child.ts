import { lockFile } from '../../node-core/io/folder-lock.ts';

/** Waits for a line, then tries to hold the file named, says how it went, and stays until it is killed. */
const [path = ''] = process.argv.slice(2);

process.stdout.write('waiting\n');
process.stdin.once('data', () => {
  lockFile(path, 'it').then(
    () => process.stdout.write('held\n'),
    (error: Error) => process.stdout.write(`${error.message}\n`),
  );
});
