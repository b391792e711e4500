/** Each page's code, fetched when somebody goes there. The names are those of routes.json. */
export const pages: Readonly<Record<string, () => Promise<unknown>>> = {
  home: () => import("./pages/home.js"),
  login: () => import("./pages/login.js"),
  "second-factor": () => import("./pages/second-factor.js"),
  signup: () => import("./pages/signup.js"),
  "check-mail": () => import("./pages/check-mail.js"),
  verify: () => import("./pages/verify.js"),
  forgot: () => import("./pages/forgot.js"),
  reset: () => import("./pages/reset.js"),
  "not-me": () => import("./pages/not-me.js"),
  arrival: () => import("./pages/arrival.js"),
  onboarding: () => import("./pages/onboarding.js"),
  profile: () => import("./pages/profile.js"),
  badge: () => import("./pages/badge.js"),
  settings: () => import("./pages/settings.js"),
  people: () => import("./pages/people.js"),
  person: () => import("./pages/person.js"),
};
