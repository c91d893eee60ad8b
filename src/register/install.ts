import { reportNodeHttpRequests } from "./node-http-requests.js";
import { patchFetch } from "./patched-fetch.js";
import type { Registration } from "./registration.js";
import { authorizeUndiciRequests } from "./undici-requests.js";

/** Has the requests of this process authorized, from now on until the function that it returns is called. */
export function install(registration: Registration): () => void {
  const undo = [patchFetch, authorizeUndiciRequests, reportNodeHttpRequests].map((part) =>
    part(registration),
  );
  return () => {
    for (const part of undo) part();
  };
}
