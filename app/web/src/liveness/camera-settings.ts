/** Where a person allows the camera in the browser that they use. */

export type BrowserName = "chrome" | "chrome-android" | "chrome-ios" | "edge" | "firefox" | "firefox-android" | "safari" | "safari-ios" | "other";

const ONCE_MORE = "Then try again. Where it is allowed already, the device's own privacy settings may keep the camera from the browser.";

/** The way to the setting, by browser. */
export const CAMERA_SETTINGS: Readonly<Record<BrowserName, string>> = {
  chrome: `Click the sign at the left of the address and switch Camera on; or go to Settings › Privacy and security › Site settings › Camera. ${ONCE_MORE}`,
  "chrome-android": `Tap the sign at the left of the address › Permissions › Camera › Allow; or ⋮ › Settings › Site settings › Camera. ${ONCE_MORE}`,
  "chrome-ios": `Open the device's Settings › Apps › Chrome and switch Camera on. ${ONCE_MORE}`,
  edge: `Click the lock at the left of the address and set Camera to Allow; or go to Settings › Privacy, search, and services › Site permissions › Camera. ${ONCE_MORE}`,
  firefox: `Click the crossed-out camera at the left of the address and take the block away; or go to Settings › Privacy & Security › Permissions › Camera. ${ONCE_MORE}`,
  "firefox-android": `Tap the lock at the left of the address › Camera › Allowed; or ⋮ › Settings › Site settings › Camera. ${ONCE_MORE}`,
  safari: `Choose Safari › Settings › Websites › Camera and set this page to Allow. ${ONCE_MORE}`,
  "safari-ios": `Tap the page menu beside the address › Website Settings › Camera › Allow; or open Settings › Apps › Safari › Camera. ${ONCE_MORE}`,
  other: `Look for a camera or a lock beside the address, or for Camera in the browser's settings for this site, and allow it. ${ONCE_MORE}`,
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
