import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The checkout this file belongs to. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** Where what was fetched once is kept for the next checkout. */
export const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'flightdeck');

const HEARTBEAT_MS = 10_000;
const KEPT_OUTPUT = 4_000;
const PARENT_WATCH_MS = 250;
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** A set-up step that cannot be done; the message is one sentence that names the mend. */
export class SetupError extends Error {}

/** Tells the person at the terminal. Standard output stays free for what a command prints. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/**
 * Runs a program while telling every 10 s that it still works; its last output is shown only if it fails, and not even
 * then where failing is expected (`quiet`).
 *
 * @throws SetupError with `mend` when it cannot be started, ends with another code than 0 or runs for over `limitMs`.
 */
export function runStep(
  title,
  program,
  args,
  { mend, cwd = ROOT, env = process.env, limitMs = 900_000, quiet = false },
) {
  say(`${title} …`);
  const startedAt = Date.now();
  const seconds = () => `${Math.round((Date.now() - startedAt) / 1000)} s`;
  return new Promise((done, failed) => {
    let output = '';
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: limitMs });
    const heartbeat = setInterval(() => say(`  still at it, ${seconds()}`), HEARTBEAT_MS);
    const keep = (chunk) => {
      output = (output + chunk).slice(-KEPT_OUTPUT);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const end = (reason) => {
      clearInterval(heartbeat);
      if (reason === undefined) {
        say(`  done in ${seconds()}`);
        done(output);
      } else {
        if (output !== '' && !quiet) say(output.trimEnd());
        failed(new SetupError(`${title}: ${reason}. ${mend}`));
      }
    };
    child.once('error', (error) => end(error.message));
    child.once('close', (code, signal) => end(code === 0 ? undefined : `ended with ${signal ?? `code ${code}`}`));
  });
}

/**
 * Runs a program with our own terminal and resolves with its exit code. A signal that ends us is passed on, and we end
 * when the program has.
 *
 * @param options.onLine - Gets each line of its standard output in place of ours.
 */
export function runInForeground(program, args, { cwd = process.cwd(), env = process.env, limitMs, onLine } = {}) {
  return new Promise((done) => {
    const stdout = onLine === undefined ? 'inherit' : 'pipe';
    const child = spawn(program, args, { cwd, env, stdio: ['inherit', stdout, 'inherit'], timeout: limitMs });
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', onLine);
    }
    let asked = false;
    const pass = (signal) => {
      asked = true;
      child.kill(signal);
    };
    for (const signal of ENDING) process.on(signal, pass);
    const end = (code) => {
      for (const signal of ENDING) process.off(signal, pass);
      if (asked) process.exit(code ?? 0);
      done(code ?? 1);
    };
    child.once('error', (error) => {
      say(error.message);
      end(1);
    });
    child.once('exit', end);
  });
}

/** The built command line. */
export const COMMAND_LINE = join(ROOT, 'out/main/flightdeck.cjs');

/** Goes on as the built command line, in this process, so that signals and streams are its own. */
export async function becomeFlightdeck(args) {
  process.argv = [process.argv[0], COMMAND_LINE, ...args];
  await import(pathToFileURL(COMMAND_LINE).href);
}

/** Runs a command's main function for its exit code; what set-up cannot do ends the process with its one sentence. */
export async function runMain(main) {
  endWithShell();
  try {
    process.exitCode = (await main()) ?? process.exitCode;
  } catch (error) {
    say(error instanceof SetupError ? `flightdeck: ${error.message}` : error.stack);
    process.exitCode = 1;
  }
}

/**
 * npm passes a signal on to the shell between it and us, which dies without a word: another parent than at the start
 * means that we were asked to end.
 */
function endWithShell() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, PARENT_WATCH_MS);
  watch.unref();
}
