import { ipcRenderer } from 'electron';

/**
 * Forwards what main hands over into the page, and the page's two requests to main. The page gets no function and no
 * object: its world and this one stay apart.
 */
const FROM_PAGE = new Set(['host-port-request', 'host-start']);

ipcRenderer.on('host-port', (event) => window.postMessage({ type: 'host-port' }, '*', event.ports));
ipcRenderer.on('host-state', (_event, state: unknown) => window.postMessage(state, '*'));

window.addEventListener('message', (event: MessageEvent<unknown>) => {
  if (event.source !== window || typeof event.data !== 'object' || event.data === null) return;
  const type = 'type' in event.data ? event.data.type : undefined;
  if (typeof type === 'string' && FROM_PAGE.has(type)) ipcRenderer.send('page-request', { type });
});
