import { jsRuntime } from "../lib/js-runtime.js";
import type { Variables } from "./environment.js";

const names = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"];

/**
 * The proxy variables of the process on Bun and Deno, as they were when the package was loaded; none on Node.js, where
 * the package chooses the proxy itself. The `fetch` of Deno reads the variables once, at its first request, and that of
 * Bun 1.2 reads them at the start of the process. So a variable that was removed since then may still be in use.
 *
 * The module is a part of the file that every program loads first: see the layers in scripts/bundle.mjs.
 */
export const proxiesAtLoad: Variables = jsRuntime() === "Node.js" ? {} : proxyVariablesOf(process.env);

function proxyVariablesOf(env: Variables): Variables {
  const all = names.flatMap((name) => [name, name.toLowerCase()]);
  return Object.fromEntries(all.map((name) => [name, env[name]]));
}
