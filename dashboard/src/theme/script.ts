/** The key under which a visitor's choice is kept; without one, the system's preference holds. */
export const THEME_KEY = "flb-theme";

/**
 * Runs in <head> before anything is painted, so that nobody sees the wrong theme for a moment.
 * It is inline, and known to the Content-Security-Policy by its hash.
 */
export const THEME_SCRIPT = `(function () {
  var chosen = null;
  try { chosen = localStorage.getItem("${THEME_KEY}"); } catch (e) {}
  var dark = matchMedia("(prefers-color-scheme: dark)");
  function show() {
    document.documentElement.dataset.theme = chosen || (dark.matches ? "dark" : "light");
  }
  dark.addEventListener("change", show);
  window.flbTheme = function (theme) {
    chosen = theme;
    try { theme ? localStorage.setItem("${THEME_KEY}", theme) : localStorage.removeItem("${THEME_KEY}"); } catch (e) {}
    show();
  };
  show();
})();`;
