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

export function earlierAddress(
  entries: Readonly<Record<string, Entry>>,
  names: readonly string[],
): { readonly listen: string; readonly token: string } | undefined;

export function changedEntries(
  entries: Readonly<Record<string, Entry>>,
  targets: readonly Target[],
): { readonly changed: Record<string, Entry>; readonly foreign: readonly string[] };
