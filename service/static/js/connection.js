// Says when the connection is gone. Nothing is forbidden meanwhile: browsers can be wrong about it.

/**
 * @param {HTMLElement} notice what is shown without a connection
 * @param {(sentence: string) => void} announce
 * @param {() => void} back what is done once there is one again
 */
export function watchConnection(notice, announce, back) {
  const show = () => {
    notice.hidden = navigator.onLine;
    announce(navigator.onLine ? "" : (notice.textContent ?? "").trim());
  };
  addEventListener("offline", show);
  addEventListener("online", () => {
    show();
    back();
  });
  if (!navigator.onLine) show();
}
