/**
 * Stands in for Electron's default app in a runtime that lacks it: `electron [flags] FOLDER` runs the app in FOLDER, and
 * `-r FILE` loads a module before it, which is how Playwright gets in.
 */
const { app } = require('electron');
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

function parseArguments(args) {
  const preloads = [];
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '-r' || args[i] === '--require') preloads.push(args[++i]);
    else if (args[i] === '-v' || args[i] === '--version') {
      console.log(`v${process.versions.electron}`);
      process.exit(0);
    } else if (!args[i].startsWith('-')) return { preloads, rest: args.slice(i) };
  }
  console.error('usage: electron [flags] FOLDER');
  process.exit(2);
}

const { preloads, rest } = parseArguments(process.argv.slice(1));
const folder = path.resolve(rest[0]);
const manifest = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
process.defaultApp = true;
app.setName(manifest.productName || manifest.name);
if (manifest.version) app.setVersion(manifest.version);
app.setAppPath(folder);
app.setPath('userData', path.join(app.getPath('appData'), app.getName()));
globalThis.crypto ??= require('node:crypto').webcrypto;
for (const file of preloads) Module._load(file, module, false); // before the arguments change: Playwright reads them
process.argv = [process.argv[0], ...rest];
Module._load(path.resolve(folder, manifest.main || 'index.js'), module, true);
