import type { ServerSpec } from "../config/spec.js";
import type { ServerChallenge } from "../discovery/challenge.js";
import type { Target } from "../discovery/metadata.js";
import type { Dpop } from "../dpop/dpop.js";
import { Nonces } from "../dpop/nonces.js";
import type { Clock } from "../lib/clock.js";
import { WaitLimits } from "../lib/wait-limits.js";
import { CredentialWatch } from "../secrets/credential-watch.js";
import { explainRefusal } from "./explain-refusal.js";
import { hostAccess } from "./host-access.js";
import { learnedTarget } from "./learned-target.js";
import type { ManagerEnvironment } from "./manager-environment.js";
import { ScopeSets } from "./scope-sets.js";
import type { HostSeam } from "./seam.js";
import { StepUps } from "./step-ups.js";
import { type RuntimeSubject, readSubjectToken } from "./subjects.js";
import { createTokenCache, type GrantHooks } from "./token-cache.js";

/** Whose tokens they are, when they are not the server's own. */
export interface SupplyOfUser {
  readonly subject: () => RuntimeSubject;
  /** The server's own, whose key and nonces users share. */
  readonly supply: TokenSupply;
}

/** What is known of one server and its tokens: the caches, and what was learned on the way to them. */
export class TokenSupply {
  readonly sets: ScopeSets;
  readonly stepUps: StepUps;
  readonly seam: HostSeam;
  readonly nonces: Nonces;
  readonly dpop: GrantHooks["dpop"];
  /** Of what calls wait for beside their token. */
  readonly limits: WaitLimits;
  /** The last challenge of the MCP server. */
  challenge: ServerChallenge | undefined;
  /** What was found out about the two servers. */
  target: Target | undefined;
  /** Of the key that the latest assertion was signed with. */
  kid: string | undefined;
  readonly #watch: CredentialWatch;
  #planned: (renewAt: number | undefined) => void = () => {};

  /** `before`: another for the same tokens, which were asked for in another way. */
  constructor(
    spec: ServerSpec,
    environment: ManagerEnvironment,
    user: SupplyOfUser | undefined,
    before: TokenSupply | undefined,
  ) {
    const known = before ?? user?.supply;
    const { name: server, deadline } = spec;
    this.limits = new WaitLimits({ server, deadline, clock: environment.clock });
    this.nonces = known?.nonces ?? new Nonces();
    this.dpop = known === undefined ? lazyDpop(spec, environment.clock, this.nonces) : known.dpop;
    this.#watch = before === undefined ? new CredentialWatch() : before.#watch;
    this.challenge = before?.challenge;
    this.target = before?.target;
    this.kid = before?.kid;
    const hooks = this.#hooks(server, user);
    this.sets = new ScopeSets({
      scopes: spec.grant.scopes,
      createCache: (scopes, onPlan) =>
        createTokenCache(spec, environment, {
          ...hooks,
          scopes,
          onPlan,
          onNewCredential: () => this.sets.credentialChanged(),
        }),
      onPlan: (renewAt) => this.#planned(renewAt),
    });
    this.stepUps = new StepUps({
      server: spec.name,
      sets: this.sets,
      learned: () => this.target?.scopes ?? [],
      isBounded: spec.grant.scopes !== undefined,
    });
    this.seam = hostAccess(spec, environment, {
      sets: this.sets,
      signedWith: hooks.signedWith,
      target: () => this.target,
      learn: () => learnedTarget(spec, environment, this, undefined),
      explainRefusal: (token, challenge) => explainRefusal(spec, environment, this, { token, challenge }),
      limits: this.limits,
    });
    if (before !== undefined) this.sets.takeOver(before.sets);
  }

  /** From now on it is `planned` that hears when the token is to be renewed: at once what is known. */
  onPlan(planned: (renewAt: number | undefined) => void): void {
    this.#planned = planned;
    planned(this.sets.renewAt);
  }

  #hooks(server: string, user: SupplyOfUser | undefined): GrantHooks {
    return {
      challenge: () => this.challenge,
      signedWith: (kid) => {
        this.kid = kid;
      },
      onTarget: (target) => {
        this.target = target;
      },
      dpop: this.dpop,
      subjectKey: user && (() => user.subject().key),
      subjectToken: user && (() => readSubjectToken(server, user.subject())),
      watch: this.#watch,
    };
  }
}

/** DPoP for one server, loaded when its first token is asked for. */
function lazyDpop({ dpop }: ServerSpec, clock: Clock, nonces: Nonces): (() => Promise<Dpop>) | undefined {
  if (dpop === undefined) return undefined;
  const { key } = dpop;
  let loaded: Promise<Dpop> | undefined;
  return () => {
    loaded ??= import("../dpop/dpop.js").then(({ createDpop }) => createDpop({ key, clock, nonces }));
    return loaded;
  };
}
