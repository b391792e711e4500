/** The providers of sign-ins, as they call themselves. */
export const NAMES: Readonly<Record<string, string>> = {
  GOOGLE: "Google", FACEBOOK: "Facebook", LINKEDIN: "LinkedIn", GITHUB: "GitHub", FIREBASE: "Firebase", AUTH0: "Auth0",
};
