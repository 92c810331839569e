import type { Endpoint, FramedChannel } from '../base/transport.ts';
import { openChannel } from '../io/open-channel.ts';

const REGISTRY_DIAL_MS = 5_000;

/** Which registry, and who hears of its channel. */
export interface RegistryLinkOptions {
  readonly registry: Endpoint;
  /** SHA-256 of the registry's certificate; with it the registry is spoken to over TLS alone. */
  readonly fingerprint: string | undefined;
  opened(): void;
  message(bytes: Uint8Array): void;
  /** The channel broke, or did not come about. */
  closed(reason: string): void;
}

/** The channel to the registry, opened and closed as the node asks. */
export class RegistryLink {
  readonly #options: RegistryLinkOptions;
  #channel: FramedChannel | undefined;
  #ended = false;

  constructor(options: RegistryLinkOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { registry, fingerprint, opened, message, closed } = this.#options;
    try {
      const channel = await openChannel(registry, REGISTRY_DIAL_MS, fingerprint);
      if (this.#ended) return channel.close();
      this.#channel = channel;
      channel.onMessage = message;
      channel.onClosed = (reason) => {
        if (this.#channel !== channel || this.#ended) return;
        this.#channel = undefined;
        closed(reason);
      };
      opened();
    } catch (error) {
      if (!this.#ended) closed(String((error as Error).message));
    }
  }

  /** A message without a channel is lost; the node asks again. */
  send(message: Uint8Array): void {
    this.#channel?.send(message);
  }

  /** The close of this channel is no news. */
  close(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    channel?.close();
  }

  /** Nothing is told any more; the channel stays until `close`. */
  silence(): void {
    this.#ended = true;
  }
}
