/** The server over plain GraphQL, for pages that give no api of their own. */

import { type Challenge, CheckFault, type Claim, type LivenessApi, type Outcome, type Purpose, type Step } from "./check.js";
import { faultOf } from "./faults.js";

const VARIABLES = "($token: String!, $frame: String!, $evidence: [StepFrame!])";
const GIVEN = "(token: $token, frame: $frame, evidence: $evidence)";
const RESULT = "success error retryAfterS";
const ENTERED = `{ ${RESULT} matchFound isNewUser auth { requiresTwoFactor tempToken accessToken isNewUser user { id handle displayName } } }`;
const CHALLENGE =
  "mutation ($purpose: LivenessPurpose!, $exclude: [LivenessStep!]) { ended: createLivenessChallenge(purpose: $purpose, exclude: $exclude) { token steps expiresAt streamUrl } }";
const TRADE = `mutation ($ticket: String!) { ended: tradeFaceTicket(ticket: $ticket) ${ENTERED} }`;
const CLAIMS: Readonly<Record<Purpose, string>> = {
  VERIFY: `mutation ${VARIABLES} { ended: confirmLiveness${GIVEN} { ${RESULT} verifiedAt } }`,
  LOGIN: `mutation ${VARIABLES} { ended: faceLogin${GIVEN} ${ENTERED} }`,
  ENROLL: `mutation ${VARIABLES} { ended: enrollFace${GIVEN} }`,
  STEP_UP: `mutation ${VARIABLES} { ended: confirmWithFace${GIVEN} { ${RESULT} } }`,
};

type Ended = true | { readonly success: boolean; readonly error: string | null; readonly retryAfterS: number | null };

export class HttpApi implements LivenessApi {
  /** `server` is where the server's paths begin; `token` gives the access token of whoever is signed in there. */
  constructor(
    private readonly server: URL,
    private readonly purpose: Purpose,
    private readonly token: () => Promise<string | null>,
  ) {}

  challenge(exclude: readonly Step[]): Promise<Challenge> {
    return this.ask<Challenge>(CHALLENGE, { purpose: this.purpose, exclude });
  }

  async claim(claim: Claim): Promise<Outcome> {
    return outcome(await this.ask<Ended>(CLAIMS[this.purpose], { ...claim }));
  }

  async trade(ticket: string): Promise<Outcome> {
    return outcome(await this.ask<Ended>(TRADE, { ticket }));
  }

  accessToken(): Promise<string | null> {
    return this.purpose === "LOGIN" ? Promise.resolve(null) : this.token();
  }

  async policy(): Promise<Readonly<Record<string, number>>> {
    const answer = await this.send("client/liveness-policy");
    if (!answer.ok) throw new CheckFault("BROKEN");
    return (await answer.json()) as Record<string, number>;
  }

  private async ask<T>(query: string, variables: Record<string, unknown>): Promise<T> {
    const token = await this.accessToken();
    const answer = await this.send("graphql", {
      method: "POST",
      // Whoever signs in by face is known by the browser's cookie; everybody else by the token alone.
      credentials: this.purpose === "LOGIN" ? "include" : "omit",
      headers: { "content-type": "application/json", accept: "application/json", ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query, variables }),
    });
    const told = (await answer.json().catch(() => ({ code: "INTERNAL" }))) as {
      data?: { ended: T } | null;
      errors?: readonly { message: string; extensions?: Record<string, unknown> }[];
      detail?: string;
    };
    const fault = told.errors?.[0];
    if (fault) throw refusal({ ...fault.extensions, message: fault.message });
    if (told.data) return told.data.ended;
    throw refusal({ ...told, message: told.detail }); // a problem document: refused before GraphQL was reached
  }

  private async send(path: string, init: RequestInit = {}): Promise<Response> {
    try {
      return await fetch(new URL(path, this.server), init);
    } catch {
      throw new CheckFault("OFFLINE"); // no network, or a page whose origin the server does not list
    }
  }
}

/** A refusal as the check reads it: an Error with the server's words. */
function refusal(told: Record<string, unknown>): Error {
  const { code, reason, field, message, retryAfter } = told;
  const retryAfterS = typeof retryAfter === "number" ? retryAfter : undefined;
  return Object.assign(faultOf({ code, field, message, retryAfterS }), { reason });
}

function outcome(ended: Ended): Outcome {
  if (ended === true) return { success: true, answer: true };
  return {
    success: ended.success,
    answer: ended,
    ...(ended.error && { error: ended.error }),
    ...(ended.retryAfterS !== null && { retryAfterS: ended.retryAfterS }),
  };
}
