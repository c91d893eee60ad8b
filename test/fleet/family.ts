import { Secret } from "../../src/lib/secret.js";

/** The refresh token family that `writer.ts` redeems. */
export const family = {
  ...{ server: "tools", issuer: "https://auth.example", clientId: "agent", url: "https://tools.example/mcp" },
  seed: new Secret("token-0"),
};
