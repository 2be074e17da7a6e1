// The veil is drawn by the app when the window loses the focus, which takes a moment. A browser that hides the page in
// that moment draws no frame any more, and Flutter does not ask for one: then the last screen stays in the page, and is
// what a preview of the tab shows and what stands there first when the page comes back.
//
// So the app hears first that the focus is lost, then draws what it answers although the page is hidden, and hears only
// then that the page is hidden. Coming back goes straight through.
(() => {
  const MILLISECONDS_TO_DRAW = 1000;
  const draw = window.requestAnimationFrame.bind(window);
  const cancel = window.cancelAnimationFrame.bind(window);
  const waiting = new Map();
  let leaving = false;
  let passing = false;
  let telling = 0;

  const drawHidden = () => {
    for (const [id, paint] of [...waiting]) {
      cancel(id);
      waiting.delete(id);
      paint(performance.now());
    }
  };

  window.requestAnimationFrame = (paint) => {
    const id = draw((at) => {
      waiting.delete(id);
      paint(at);
    });
    waiting.set(id, paint);
    if (leaving) setTimeout(drawHidden);
    return id;
  };

  window.cancelAnimationFrame = (id) => {
    waiting.delete(id);
    cancel(id);
  };

  const hide = () => {
    leaving = false;
    passing = true;
    document.dispatchEvent(new Event("visibilitychange"));
    passing = false;
  };

  window.addEventListener("visibilitychange", (event) => {
    if (passing) return;
    if (document.visibilityState !== "hidden") {
      leaving = false;
      clearTimeout(telling);
      return;
    }
    event.stopImmediatePropagation();
    if (leaving) return;
    leaving = true;
    window.dispatchEvent(new Event("blur"));
    setTimeout(drawHidden);
    telling = setTimeout(hide, MILLISECONDS_TO_DRAW);
  }, true);
})();
