import type { ProductRequest } from "../../support/stand-in/product.js";

const runner = "https://runner.example.com/id-token?api-version=2";

/** The variables of a GitHub Actions job with `permissions: id-token: write`. */
export const runnerVariables = (local: (url: string) => string) => ({
  ACTIONS_ID_TOKEN_REQUEST_URL: local(runner),
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: "request-token",
});

/** The request for the job's ID token. */
export function idTokenRequest(audience: string, token: string): ProductRequest {
  return {
    method: "GET",
    url: `${runner}&audience=${encodeURIComponent(audience)}`,
    headers: { accept: "application/json", authorization: "Bearer request-token" },
    answer: { value: token },
  };
}
