import type { ServerSpec } from "../config/spec.js";
import { clientCredentials } from "./client-credentials.js";
import type { Grant } from "./grant.js";
import type { GrantEnvironment } from "./grant-environment.js";
import { staticToken } from "./static-token.js";

export type { GrantEnvironment } from "./grant-environment.js";

/** The grant of a server. Nothing is read and nothing is sent before it is called. */
export function createGrant(spec: ServerSpec, environment: GrantEnvironment): Grant {
  const { grant } = spec;
  switch (grant.type) {
    case "client_credentials":
      return clientCredentials(spec, grant, environment);
    case "static":
      return staticToken(spec, grant, environment);
  }
}
