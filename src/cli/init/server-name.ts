const generic =
  /^(?:mcp|sse|api|www|server|servers|message|messages|http|https|stream|streamable|v?\d+(?:\.\d+)*|rpc|public|prod)$/i;
const longestName = 40;

/** Returns a name for a server that no other has: the last telling part of its URL's path, else of its host. */
export function serverName(url: string, taken: (name: string) => boolean): string {
  const { pathname, hostname } = new URL(url);
  const base = [...pathname.split("/").toReversed(), ...labels(hostname)].find(isTelling) ?? "server";
  return uniqueName(base, taken);
}

/** Returns the name, with a number if it is taken. */
export function uniqueName(base: string, taken: (name: string) => boolean, separator = "-"): string {
  let name = base;
  for (let number = 2; taken(name); number += 1) name = `${base}${separator}${number}`;
  return name;
}

/** Whether a text can be the name of a server or client. */
export function isServerName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name);
}

/** Returns the parts of a host's name, without the last one. An address has none. */
function labels(hostname: string): readonly string[] {
  if (/^\[|^[\d.]+$/.test(hostname)) return [];
  const all = hostname.split(".");
  return all.length > 1 ? all.slice(0, -1) : [];
}

function isTelling(part: string): boolean {
  return isServerName(part) && part.length <= longestName && !generic.test(part);
}
