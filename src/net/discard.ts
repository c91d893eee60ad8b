/** Frees the connection of a response whose body is not read. An error of the body no longer matters. */
export function discard(response: Response): void {
  response.body?.cancel().catch(() => {});
}
