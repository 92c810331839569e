/** The folder that the files of the store are in; io/store-folder.ts is one. Files are named without their folder. */
export interface StoreFolder {
  list(): Promise<string[]>;
  path(name: string): string;
  /** Bytes of a file; 0 when there is none. */
  size(name: string): Promise<number>;
  /** Bytes of the disk that may still be used. */
  freeBytes(): Promise<number>;
  remove(name: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes `to` of the first bytes of `from`. */
  copyHead(from: string, to: string, bytes: number): Promise<void>;
}
