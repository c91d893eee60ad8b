import { checkCall } from "./call-step.js";
import { checkServerCapabilities } from "./capability-step.js";
import { checkClaims, reconsiderClaims } from "./claims-step.js";
import { checkServerClocks } from "./clock-step.js";
import { checkConnection } from "./connection-step.js";
import { checkServerKeys } from "./key-step.js";
import { checkIssuerMetadata, checkResourceMetadata } from "./metadata-steps.js";
import { checkServerSecrets } from "./secrets-step.js";
import type { ServerStep, StepResult } from "./server-check.js";
import { checkToken } from "./token-step.js";

/** The steps of each server, in the order in which they run. */
export const serverSteps: readonly ServerStep[] = [
  { name: "secrets", run: checkServerSecrets },
  { name: "key", run: checkServerKeys },
  { name: "server", run: checkConnection },
  { name: "resource metadata", needs: { server: "server not reached" }, run: checkResourceMetadata },
  { name: "issuer metadata", run: checkIssuerMetadata },
  { name: "capability", needs: { "issuer metadata": "no metadata" }, run: checkServerCapabilities },
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
  // Only the answer to a POST proves that a clock is behind: an older one may come from a cache.
  { name: "clock", run: checkServerClocks },
  { name: "claims", needs: { token: "no token" }, run: checkClaims, reconsider: reconsiderClaims },
  { name: "call", needs: { server: "server not reached", token: "no token" }, run: checkCall },
];

/** The steps in the order of the report. A wrong clock explains why a token is refused, so it comes first. */
export const reportOrder: readonly StepResult["step"][] = [
  ...(["config", "secrets", "key", "server", "resource metadata", "issuer metadata"] as const),
  ...(["capability", "clock", "token", "claims", "call"] as const),
];
