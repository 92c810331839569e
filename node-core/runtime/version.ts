/** What this program calls itself to registries and operators; the same as in package.json. */
export const VERSION = '0.1.0';
