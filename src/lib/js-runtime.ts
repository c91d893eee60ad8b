/** The program that runs the JavaScript. */
export type JsRuntime = "Node.js" | "Bun" | "Deno";

/** Returns which program runs this. Bun and Deno also state the version of Node.js that they imitate. */
export function jsRuntime(
  versions: Readonly<Record<string, string | undefined>> = process.versions,
): JsRuntime {
  if (versions["bun"] !== undefined) return "Bun";
  return versions["deno"] === undefined ? "Node.js" : "Deno";
}
