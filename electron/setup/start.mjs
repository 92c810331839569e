/** `npm start`: sets up, builds and opens the app; without a display or a runtime it serves the same UI to a browser. */
import { ELECTRON_LIBRARIES, installPackages } from './debian.mjs';
import { findElectron } from './electron-runtime.mjs';
import { prepare } from './prepare.mjs';
import { COMMAND_LINE, ROOT, runInForeground, runMain, SetupError, say } from './steps.mjs';

const args = process.argv.slice(2);

/** What the processes tell is for whoever started them: sentences, and only of trouble. */
const FOR_A_PERSON = { ...process.env, FLIGHTDECK_LOG_AS: 'words' };

await runMain(async () => {
  await prepare();
  const { electron, why } = await chooseWindow();
  if (electron === undefined) return serve(why);
  say('Opening Flightdeck …');
  const asRoot = process.platform === 'linux' && process.getuid() === 0;
  if (asRoot)
    say("Chromium has no sandbox for root: the window's processes run without one. Start as another user to have it.");
  return runInForeground(electron, [...(asRoot ? ['--no-sandbox'] : []), ROOT, ...args], { env: FOR_A_PERSON });
});

/** The runtime to open a window with, or the reason why there can be no window. */
async function chooseWindow() {
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) {
    return { why: 'this machine has no display (neither DISPLAY nor WAYLAND_DISPLAY is set)' };
  }
  try {
    await installPackages(ELECTRON_LIBRARIES, 'The window');
    return { electron: await findElectron() };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return { why: error.message };
  }
}

function serve(why) {
  say(`No window: ${why}`);
  say('Serving the same interface to a browser on this machine instead …');
  return runInForeground(process.execPath, [COMMAND_LINE, 'serve', ...args], { env: FOR_A_PERSON, onLine: sayAddress });
}

/** The served deck says in one line of JSON where it is. */
function sayAddress(line) {
  if (!line.startsWith('{"ready":true')) return;
  say(`\nOpen ${JSON.parse(line).url}\nCtrl+C ends it.\n`);
}
