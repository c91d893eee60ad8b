// Loads all that the sources import on demand. A first import takes as long as the machine likes, and a fake clock only
// waits for turns of the event loop.
declare global {
  interface ImportMeta {
    /** Of Vite: imports every module that matches. */
    glob(patterns: readonly string[], options: { readonly eager: true }): Readonly<Record<string, unknown>>;
  }
}

// The modules that are left out start a program, or belong to the one that runs in a browser.
import.meta.glob(
  ["../../src/**/*.ts", "!../../src/cli.ts", "!../../src/register.ts", "!../../src/proxy/status/page/*.ts"],
  { eager: true },
);

export {};
