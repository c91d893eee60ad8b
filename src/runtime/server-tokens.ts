import type { ServerSpec } from "../config/spec.js";
import type { ServerChallenge } from "../discovery/challenge.js";
import type { Target } from "../discovery/metadata.js";
import type { Dpop } from "../dpop/dpop.js";
import { Nonces } from "../dpop/nonces.js";
import type { Clock } from "../lib/clock.js";
import { WaitLimits } from "../lib/wait-limits.js";
import type { ManagerState, ManagerSubject } from "../oauth/attempt.js";
import { CredentialMemory } from "../secrets/credential-memory.js";
import { UserWrites } from "../sharing/user-writes.js";
import { CachesByScope } from "./caches-by-scope.js";
import { createManagerInternals } from "./create-manager-internals.js";
import { explainRefusal } from "./explain-refusal.js";
import { learnedTarget } from "./learned-target.js";
import type { ManagerInternals } from "./manager-internals.js";
import type { RuntimeContext } from "./runtime-context.js";
import { stepUp } from "./step-up.js";
import { StepUps } from "./step-ups.js";
import { type RuntimeSubject, runtimeSubjectToken } from "./subjects.js";
import { createTokenPipeline } from "./token-pipeline.js";

/** The user that the tokens are for. */
export interface UserTokens {
  readonly subject: () => RuntimeSubject;
  /** The tokens of the server itself. Users share its DPoP key and nonces. */
  readonly serverTokens: ServerTokens;
}

/** The token caches of one server, and the metadata, challenge and nonces that were learned from the servers. */
export class ServerTokens implements ManagerState {
  readonly caches: CachesByScope;
  readonly nonces: Nonces;
  readonly dpop: (() => Promise<Dpop>) | undefined;
  /** The user of the tokens; `undefined` for the tokens of the server itself. */
  readonly subject: ManagerSubject | undefined;
  /** `undefined` for the tokens of the server itself. */
  readonly writes: UserWrites | undefined;
  /** Limits on what calls wait for besides their token, such as header secrets. */
  readonly limits: WaitLimits;
  /** The last challenge of the MCP server. */
  challenge: ServerChallenge | undefined;
  /** Metadata of the MCP server and its authorization server. */
  target: Target | undefined;
  /** The `kid` of the key that signed the last assertion. */
  kid: string | undefined;
  readonly credentials: CredentialMemory;
  readonly warned = new Set<string>();
  readonly #spec: ServerSpec;
  readonly #runtime: RuntimeContext;
  // Created when needed, because most managers need neither.
  #stepUps: StepUps | undefined;
  #internals: ManagerInternals | undefined;
  #onPlan: (nextRefreshAt: number | undefined) => void = () => {};

  /** `previous` has the same tokens, requested with other settings. Its tokens are kept. */
  constructor(
    spec: ServerSpec,
    runtime: RuntimeContext,
    user: UserTokens | undefined,
    previous: ServerTokens | undefined,
  ) {
    this.#spec = spec;
    this.#runtime = runtime;
    const known = previous ?? user?.serverTokens;
    const { name: server, deadline } = spec;
    this.limits = new WaitLimits({ server, deadline, clock: runtime.clock });
    this.nonces = known?.nonces ?? new Nonces();
    this.dpop = known === undefined ? lazyDpop(spec, runtime.clock, this.nonces) : known.dpop;
    this.credentials = previous === undefined ? new CredentialMemory() : previous.credentials;
    this.subject = user && {
      key: () => user.subject().key,
      token: () => runtimeSubjectToken(server, user.subject()),
    };
    this.writes = user && (previous?.writes ?? new UserWrites());
    this.challenge = previous?.challenge;
    this.target = previous?.target;
    this.kid = previous?.kid;
    this.caches = new CachesByScope({
      scopes: spec.grant.scopes,
      createCache: (scopes, onPlan) =>
        createTokenPipeline(spec, runtime, this, {
          scopes,
          onPlan,
          onNewCredential: () => this.caches.credentialChanged(),
        }),
      onPlan: (nextRefreshAt) => this.#onPlan(nextRefreshAt),
    });
    if (previous !== undefined) this.caches.takeOver(previous.caches);
  }

  get stepUps(): StepUps {
    const { name: server, grant } = this.#spec;
    this.#stepUps ??= new StepUps({
      server,
      caches: this.caches,
      learnedScopes: () => this.target?.scopes ?? [],
      configNamesScopes: grant.scopes !== undefined,
    });
    return this.#stepUps;
  }

  get internals(): ManagerInternals {
    const [spec, runtime] = [this.#spec, this.#runtime];
    this.#internals ??= createManagerInternals(spec, runtime, {
      caches: this.caches,
      manager: this,
      learnTarget: () => learnedTarget(spec, runtime, this, undefined),
      explainRefusal: (token, challenge) => explainRefusal(spec, runtime, this, { token, challenge }),
      limits: this.limits,
      stepUp: async (wanted) => {
        const token = await this.caches.defaultCache.getToken({ reason: "demand" });
        const target = await learnedTarget(spec, runtime, this, undefined);
        await stepUp(spec, this.stepUps, target, { wanted, token, signal: undefined });
      },
    });
    return this.#internals;
  }

  /** Calls `listener` with the time of the next background renewal, now and after each change. */
  onPlan(listener: (nextRefreshAt: number | undefined) => void): void {
    this.#onPlan = listener;
    listener(this.caches.nextRefreshAt);
  }
}

/** Returns DPoP for one server, `undefined` if the config does not use it. Its code is loaded for the first token. */
function lazyDpop({ dpop }: ServerSpec, clock: Clock, nonces: Nonces): (() => Promise<Dpop>) | undefined {
  if (dpop === undefined) return undefined;
  const { key } = dpop;
  let loaded: Promise<Dpop> | undefined;
  return () => {
    loaded ??= import("../dpop/dpop.js").then(({ createDpop }) => createDpop({ key, clock, nonces }));
    return loaded;
  };
}
