// Light or dark as Airflow's own pages are; what they keep is the key `theme` of this origin. Loaded before anything is
// drawn, so that nothing flashes. Without it, or without a choice, the system's own setting decides.
(() => {
  const apply = (chosen) => {
    const known = chosen === "light" || chosen === "dark";
    if (known) document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
    document.dispatchEvent(new Event("ig:theme"));
  };
  try {
    apply(localStorage.getItem("theme"));
    addEventListener("storage", (event) => { if (event.key === "theme") apply(event.newValue); });
  } catch {
    // No storage here: the system's setting stands.
  }
})();
