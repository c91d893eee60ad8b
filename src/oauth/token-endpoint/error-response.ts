import type { Rejection } from "../../diagnosis/facts.js";
import { type JsonObject, parseJsonObject } from "../../lib/json-object.js";
import type { BoundedResponse } from "../../net/bounded-fetch.js";
import { retryAfterOf } from "../../net/response-headers.js";
import { errorCodesIn, errorFields, registeredError } from "./oauth-error.js";

/** An error response of an endpoint at which clients authenticate themselves (RFC 6749 §5.2). */
export interface ErrorResponse extends Rejection {
  /** Text that the server chose. */
  readonly details: Readonly<Record<string, unknown>>;
  /** Milliseconds. */
  readonly retryAfter: number | undefined;
}

/** Reads an error response. `now` is in milliseconds since the epoch. */
export function readErrorResponse(
  { status, headers, body }: BoundedResponse,
  now: number,
  members: JsonObject | undefined = parseJsonObject(body),
): ErrorResponse {
  const fields = errorFields(members);
  // A registered code is left out of the fields.
  const { error: unregistered, error_description } = fields;
  const texts = [unregistered, error_description].filter((text) => typeof text === "string");
  const location = headers.get("location") ?? undefined;
  return {
    ...{ status, location, retryAfter: retryAfterOf(headers, now) },
    oauthError: registeredError(members?.["error"]),
    errorCodes: errorCodesIn(members),
    explanation: texts.length === 0 ? undefined : texts.join(" "),
    details: { ...fields, location },
  };
}
