/** Several, made at run time: a program does not call with the same text each time. */
export function urlsAt(origin) {
  return Array.from({ length: 64 }, (_, index) => `${origin}/items/${index}`);
}

/** Makes one request that is authorized: from then on the runtime is loaded, and has a token. */
export async function callAuthorized(url) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
  });
  await response.text();
  if (response.status !== 200)
    throw new Error(`The request to ${url} was answered ${response.status}: it had no token.`);
}
