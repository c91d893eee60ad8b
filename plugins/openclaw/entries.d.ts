/** An entry of `mcp.servers`. */
export interface Entry {
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly [setting: string]: unknown;
}

export interface Target {
  readonly name: string;
  readonly serverUrl: string;
  /** With the local token in its path. */
  readonly proxyUrl: string;
}

export function usableServers(
  managers: readonly { readonly name: string; readonly url: string }[],
  warn: (server: string, message: string) => void,
): readonly { readonly name: string; readonly url: string }[];

/** Returns the entry of that name, but nothing that all objects have. */
export function entryOf(entries: Readonly<Record<string, Entry>>, name: string): Entry | undefined;

export function earlierAddress(
  entries: Readonly<Record<string, Entry>>,
  names: readonly string[],
): { readonly listen: string; readonly token: string } | undefined;

/** Returns the new entry for the one in the file, where variables are not replaced. */
export type Change = (written?: Entry) => Entry;

export function changesOf(
  entries: Readonly<Record<string, Entry>>,
  targets: readonly Target[],
): { readonly changes: ReadonlyMap<string, Change>; readonly foreign: readonly string[] };
