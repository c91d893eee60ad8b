/** Frees the connection of a response that nobody will read. */
export function discard(response: Response): void {
  response.body?.cancel().catch(() => {});
}
