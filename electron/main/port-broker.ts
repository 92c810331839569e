import { type BrowserWindow, type IpcMainEvent, ipcMain, MessageChannelMain } from 'electron';
import { type HostState, pageRequest } from '../../node-core/contract/host-link.ts';
import type { HostProcess } from './host-process.ts';
import { isAppUrl } from './security.ts';

/** Introduces the window and the deck host to each other: each gets one end of a channel; main keeps none. */
export class PortBroker {
  readonly #window: BrowserWindow;
  readonly #host: HostProcess;

  constructor(window: BrowserWindow, host: HostProcess) {
    this.#window = window;
    this.#host = host;
    const contents = window.webContents;
    const onRequest = (event: IpcMainEvent, message: unknown): void => this.#handleRequest(event, message);
    ipcMain.on('page-request', onRequest);
    window.once('closed', () => ipcMain.off('page-request', onRequest));
    contents.on('did-finish-load', () => this.connect());
  }

  /** Makes a new channel; the ends of an earlier one close with the page or the host that held them. */
  connect(): void {
    if (!this.#pageIsOurs()) return;
    this.tell(this.#host.state);
    const { port1, port2 } = new MessageChannelMain();
    if (this.#host.connect(port1)) this.#window.webContents.postMessage('host-port', null, [port2]);
  }

  tell(state: HostState): void {
    if (this.#pageIsOurs()) this.#window.webContents.send('host-state', state);
  }

  #handleRequest(event: IpcMainEvent, message: unknown): void {
    const frame = event.senderFrame;
    if (event.sender !== this.#window.webContents || frame === null || frame.parent !== null) return;
    if (!isAppUrl(frame.url)) return;
    const request = pageRequest.safeParse(message);
    if (!request.success) return;
    if (request.data.type === 'host-start') this.#host.startAgain();
    else this.connect();
  }

  #pageIsOurs(): boolean {
    return !this.#window.isDestroyed() && isAppUrl(this.#window.webContents.mainFrame.url);
  }
}
