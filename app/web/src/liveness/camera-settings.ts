/** Where a person allows the camera in the browser that they use. */

export type BrowserName = "chrome" | "chrome-android" | "chrome-ios" | "edge" | "firefox" | "firefox-android" | "safari" | "safari-ios" | "other";

const DEVICE = "Where it is allowed already, look at the device's own privacy settings for the camera.";

/** The ways to the setting, by browser: the short one first. */
export const CAMERA_SETTINGS: Readonly<Record<BrowserName, readonly string[]>> = {
  chrome: ["Click the sign at the left of the address and switch Camera on.", "Or: Settings › Privacy and security › Site settings › Camera.", DEVICE],
  "chrome-android": ["Tap the sign at the left of the address › Permissions › Camera › Allow.", "Or: ⋮ › Settings › Site settings › Camera.", DEVICE],
  "chrome-ios": ["Open the device's Settings › Apps › Chrome and switch Camera on."],
  edge: ["Click the lock at the left of the address and set Camera to Allow.", "Or: Settings › Privacy, search, and services › Site permissions › Camera.", DEVICE],
  firefox: ["Click the crossed-out camera at the left of the address and take the block away.", "Or: Settings › Privacy & Security › Permissions › Camera › Settings.", DEVICE],
  "firefox-android": ["Tap the lock at the left of the address › Camera › Allowed.", "Or: ⋮ › Settings › Site settings › Camera.", DEVICE],
  safari: ["Choose Safari › Settings › Websites › Camera and set this page to Allow.", DEVICE],
  "safari-ios": ["Tap the page menu beside the address › Website Settings › Camera › Allow.", "Or: the device's Settings › Apps › Safari › Camera."],
  other: ["Look for a camera or a lock beside the address, or for Camera in the browser's settings for this site, and allow it.", DEVICE],
};

/** Which browser it is, by what it calls itself; what only looks like one of these is "other". */
export function browserName(agent: string): BrowserName {
  if (/SamsungBrowser|OPR\/|OPiOS|YaBrowser|UCBrowser|DuckDuckGo|; wv\)|FBA[NV]|Instagram/.test(agent)) return "other";
  if (/Edg(A|iOS)?\//.test(agent)) return /EdgiOS|EdgA/.test(agent) ? "other" : "edge";
  if (/CriOS\//.test(agent)) return "chrome-ios";
  if (/FxiOS\//.test(agent)) return "other";
  if (/Firefox\//.test(agent)) return agent.includes("Android") ? "firefox-android" : "firefox";
  if (/Chrom(e|ium)\//.test(agent)) return agent.includes("Android") ? "chrome-android" : "chrome";
  if (/Version\/.*Safari\//.test(agent)) return /iPhone|iPad|Mobile\//.test(agent) ? "safari-ios" : "safari";
  return "other";
}
