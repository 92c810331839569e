/** What is used of the package, which brings no types: a lock of the operating system on an open file, held by its description. */
declare module 'fs-native-extensions' {
  /** False when another open file description holds it. Throws where the file system has no locks. */
  export function tryLock(fd: number): boolean;
}
