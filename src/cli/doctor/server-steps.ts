import { checkCall } from "./call-step.js";
import { checkServerCapabilities } from "./capability-step.js";
import { checkClaims } from "./claims-step.js";
import { checkServerClocks } from "./clock-step.js";
import { checkConnection } from "./connection-step.js";
import { checkServerKeys } from "./key-step.js";
import { checkIssuerMetadata, checkResourceMetadata } from "./metadata-steps.js";
import { checkServerSecrets } from "./secrets-step.js";
import type { ServerStep } from "./server-check.js";
import { checkToken } from "./token-step.js";

/** The steps of each server, in the order in which they run and are printed. */
export const serverSteps: readonly ServerStep[] = [
  { name: "secrets", run: checkServerSecrets },
  { name: "key", run: checkServerKeys },
  { name: "server", run: checkConnection },
  { name: "resource metadata", needs: { server: "server not reached" }, run: checkResourceMetadata },
  { name: "issuer metadata", run: checkIssuerMetadata },
  { name: "capability", needs: { "issuer metadata": "no metadata" }, run: checkServerCapabilities },
  { name: "clock", run: checkServerClocks },
  {
    name: "token",
    needs: {
      secrets: "no secret",
      key: "no key",
      "issuer metadata": "no metadata",
      capability: "no usable method",
    },
    stoppedBy: { "resource metadata": "resource metadata contradicts the config" },
    run: checkToken,
  },
  { name: "claims", needs: { token: "no token" }, run: checkClaims },
  { name: "call", needs: { server: "server not reached", token: "no token" }, run: checkCall },
];
