import { Secret } from "../../src/lib/secret.js";

/** The refresh token family that `writer.ts` redeems. */
export const family = {
  ...{ server: "tools", issuer: "https://auth.example", clientId: "agent" },
  seed: new Secret("token-0"),
};
