import { type FileHandle, open, stat } from 'node:fs/promises';
import type { LineLog } from '../base/line-log.ts';
import { writeStateFile } from './state-file.ts';

/** A log of lines in an owner-only file. Written at its end alone, so that a sudden death tears the last line at most. */
export class LineLogFile implements LineLog {
  readonly #path: string;
  #file: FileHandle;
  #bytes: number;
  /** Whether something may stand behind the end. */
  #torn = false;

  private constructor(path: string, file: FileHandle, bytes: number) {
    this.#path = path;
    this.#file = file;
    this.#bytes = bytes;
  }

  /** Goes on behind the first `bytes` of a file; what stands behind them is cut off. */
  static async open(path: string, bytes: number): Promise<LineLogFile> {
    const file = await open(path, 'r+');
    await file.truncate(bytes);
    return new LineLogFile(path, file, bytes);
  }

  /** Starts a file anew with these lines, also in place of another. */
  static async create(path: string, lines: readonly string[]): Promise<LineLogFile> {
    const content = textOf(lines);
    await writeStateFile(path, content);
    return new LineLogFile(path, await open(path, 'r+'), Buffer.byteLength(content));
  }

  get bytes(): number {
    return this.#bytes;
  }

  async isThere(): Promise<boolean> {
    try {
      const [ours, there] = await Promise.all([this.#file.stat(), stat(this.#path)]);
      return ours.ino === there.ino && ours.dev === there.dev;
    } catch {
      return false; // nothing can be found there
    }
  }

  async append(lines: readonly string[]): Promise<void> {
    const content = Buffer.from(textOf(lines));
    if (this.#torn) await this.#file.truncate(this.#bytes);
    this.#torn = true;
    for (let at = 0; at < content.length; ) {
      const { bytesWritten } = await this.#file.write(content, at, content.length - at, this.#bytes + at);
      at += bytesWritten;
    }
    await this.#file.datasync();
    this.#torn = false;
    this.#bytes += content.length;
  }

  async replace(lines: readonly string[]): Promise<void> {
    const next = await LineLogFile.create(this.#path, lines);
    await this.#file.close();
    this.#file = next.#file;
    this.#bytes = next.#bytes;
    this.#torn = false;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
