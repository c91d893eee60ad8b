const json = /^(?:application\/json|application\/[a-z0-9!#$&^_.-]+\+json)$/i;

/** Whether a `Content-Type` header value says JSON: `application/json` or a `+json` type, parameters aside. */
export function isJson(contentType: string | null): boolean {
  return json.test((contentType ?? "").split(";", 1)[0]?.trim() ?? "");
}
