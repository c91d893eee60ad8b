import { reportNodeHttpRequests } from "./node-http-requests.js";
import { patchFetch } from "./patched-fetch.js";
import type { Registration } from "./registration.js";
import { authorizeUndiciRequests } from "./undici-requests.js";

/** Authorizes the requests of this process until the returned function is called. */
export function install(registration: Registration): () => void {
  const undo = [patchFetch, authorizeUndiciRequests, reportNodeHttpRequests].map((part) =>
    part(registration),
  );
  return () => {
    for (const part of undo) part();
  };
}
