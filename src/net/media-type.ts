const json = /^(?:application\/json|application\/[a-z0-9!#$&^_.-]+\+json)$/i;

/** Returns whether a `Content-Type` header is `application/json` or a `+json` type, with any parameters. */
export function isJson(contentType: string | null): boolean {
  return json.test((contentType ?? "").split(";", 1)[0]?.trim() ?? "");
}
