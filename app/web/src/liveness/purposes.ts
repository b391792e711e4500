/** How our own pages ask the server, for each thing that a check can be for. */

import {
  type Checked, ConfirmHandoff, ConfirmLiveness, ConfirmWithFace, CreateChallenge, CreateHandoffChallenge, EnrollFace, FaceLogin,
  type Recognised, TradeFaceTicket,
} from "../generated/faces.js";
import { ask, askAsNobody } from "../graphql.js";
import { withProof } from "../parts/proof.js";
import { Refusal } from "../refusals.js";
import { href } from "../router.js";
import { accessToken } from "../session.js";
import type { Claim, LivenessApi, Outcome, Purpose } from "./check.js";

/** What somebody says of themselves who signs in by face, in case it makes an account. */
export interface Newcomer {
  readonly name: string;
  readonly keepPhoto: boolean;
}

/** What came of a sign-in by face, as `answer` of its result. */
export type { Recognised };

/** For the badge of whoever is signed in. */
export const forBadge: LivenessApi = {
  ...signedIn("VERIFY"),
  claim: async claim => ended((await ask(ConfirmLiveness, shown(claim))).confirmLiveness),
};

/** For the badge of the account that handed its check over to this browser; nobody is signed in for it. */
export const forHandoff: LivenessApi = {
  challenge: async exclude => {
    try {
      return (await askAsNobody(CreateHandoffChallenge, { exclude })).createHandoffChallenge;
    } catch (error) {
      if (!(error instanceof Refusal) || error.reason !== "HANDOFF_OVER") throw error;
      throw new Refusal({ code: "FORBIDDEN", message: error.message }); // not a challenge that ran out: here there is no other
    }
  },
  claim: async claim => ended((await askAsNobody(ConfirmHandoff, shown(claim))).confirmHandoff),
  accessToken: () => Promise.resolve(null),
  policy,
};

/** To sign in. The server knows the browser by its cookie. */
export const forSignIn = (newcomer: () => Newcomer): LivenessApi => ({
  challenge: async exclude => (await askAsNobody(CreateChallenge, { purpose: "LOGIN", exclude })).createLivenessChallenge,
  claim: async claim => ended((await askAsNobody(FaceLogin, { ...shown(claim), ...newcomer() })).faceLogin),
  trade: async ticket => ended((await askAsNobody(TradeFaceTicket, { ticket, name: newcomer().name })).tradeFaceTicket),
  accessToken: () => Promise.resolve(null),
  policy,
});

/** To enrol. The proof that the first face wants is asked for here too, should it have run out; nothing is spent by it. */
export const forEnrolment: LivenessApi = {
  ...signedIn("ENROLL"),
  claim: async claim => {
    await withProof(() => ask(EnrollFace, shown(claim)));
    return { success: true };
  },
};

/** To confirm who it is. */
export const forProof: LivenessApi = {
  ...signedIn("STEP_UP"),
  claim: async claim => ended((await ask(ConfirmWithFace, shown(claim))).confirmWithFace),
};

function signedIn(purpose: Purpose): Omit<LivenessApi, "claim"> {
  return {
    challenge: async exclude => (await ask(CreateChallenge, { purpose, exclude })).createLivenessChallenge,
    accessToken,
    policy,
  };
}

const shown = ({ token, frame, evidence }: Claim): Claim => ({ token, frame, evidence });

function ended(told: Checked | Recognised): Outcome {
  const { success, error, retryAfterS } = told;
  return { success, answer: told, ...(error && { error }), ...(retryAfterS !== null && { retryAfterS }) };
}

async function policy(): Promise<Readonly<Record<string, number>>> {
  let answer: Response;
  try {
    answer = await fetch(href("/client/liveness-policy"));
  } catch {
    throw new Refusal({ code: "OFFLINE" });
  }
  if (!answer.ok) throw new Refusal({ code: "INTERNAL" });
  return (await answer.json()) as Record<string, number>;
}
