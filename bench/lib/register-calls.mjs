/** Returns several URLs, created at run time, because real programs do not always use the same string. */
export function urlsAt(origin) {
  return Array.from({ length: 64 }, (_, index) => `${origin}/items/${index}`);
}

/** Makes one authorized request. After it, the runtime is loaded and has a token. */
export async function callAuthorized(url) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
  });
  await response.text();
  if (response.status !== 200)
    throw new Error(`The request to ${url} was answered with ${response.status}, so it had no token.`);
}
