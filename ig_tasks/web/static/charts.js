// Draws the charts of a page with Vega, in the colours of the page's theme. Expressions are interpreted: nothing is
// evaluated, so the page's policy needs no 'unsafe-eval'. What a chart shows is in its table and its words as well.
"use strict";
(() => {
  const VARIABLE = /^var\((--[a-z0-9-]+)\)$/;
  const drawn = new Map();
  const begun = new WeakSet();
  const waiting = [];
  const whenIdle = window.requestIdleCallback || ((work) => setTimeout(work, 200));
  const nowhere = {
    load: () => Promise.reject(new Error("charts load nothing")),
    sanitize: () => Promise.reject(new Error("charts link nowhere")),
  };

  // Colours come as names of the page's variables; words of the data (domains, columns of rows) are left alone.
  function coloured(held, styles) {
    if (typeof held === "string") {
      const found = VARIABLE.exec(held);
      return found ? styles.getPropertyValue(found[1]).trim() : held;
    }
    if (Array.isArray(held)) return held.map((part) => coloured(part, styles));
    if (held === null || typeof held !== "object") return held;
    return Object.fromEntries(Object.entries(held).map(([key, part]) => [key, under(key, part, styles)]));
  }

  function under(key, part, styles) {
    if (key === "domain") return part;
    if (key === "values" && Array.isArray(part)) {
      return part.map((row) =>
        row && typeof row === "object" && "colour" in row ? { ...row, colour: coloured(row.colour, styles) } : row,
      );
    }
    return coloured(part, styles);
  }

  function documentOf(place) {
    const block = place.closest(".chart-frame").parentElement.querySelector("script.chart-document");
    return JSON.parse(block.textContent);
  }

  function linkOf(held, item) {
    const row = item && item.datum;
    if (!row || typeof row !== "object") return undefined;
    return [row.label, row.feature, row.partition].map((name) => held.links[name]).find((address) => address);
  }

  async function draw(place) {
    const held = documentOf(place);
    const before = drawn.get(place);
    if (before) before.finalize();
    try {
      const spec = coloured(held.spec, getComputedStyle(document.documentElement));
      // Vega names its container and every mark anew; the place's own words stand for all of it.
      const inner = document.createElement("div");
      inner.setAttribute("aria-hidden", "true");
      place.replaceChildren(inner);
      const made = await vegaEmbed(inner, spec, {
        mode: "vega-lite", ast: true, actions: false, renderer: "svg", defaultStyle: false, loader: nowhere,
        tooltip: { disableDefaultStyle: true, theme: "page" },
      });
      // Vega gives groups of marks roles without names; the words of the place stand for all of them.
      place.querySelector("svg").setAttribute("aria-hidden", "true");
      drawn.set(place, made);
      made.view.addEventListener("click", (_, item) => {
        const address = linkOf(held, item);
        if (address) window.location.assign(address);
      });
      made.view.addEventListener("mousemove", (_, item) => {
        place.style.cursor = linkOf(held, item) ? "pointer" : "";
      });
      place.dataset.drawn = "yes";
    } catch (error) {
      place.classList.add("failed");
      console.warn("a chart was not drawn: its figures are in its table", error);
    }
  }

  // The arrow keys go through the rows of a chart and have them read; Enter opens the one that was read last.
  function readable(place) {
    let at = -1;
    place.addEventListener("keydown", (event) => {
      const { rows } = documentOf(place);
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (step && rows.length) {
        at = at < 0 ? (step > 0 ? 0 : rows.length - 1) : (at + step + rows.length) % rows.length;
        place.closest(".chart-frame").parentElement.querySelector(".chart-says").textContent = rows[at][0];
        event.preventDefault();
      } else if (event.key === "Enter" && at >= 0 && rows[at][1]) {
        window.location.assign(rows[at][1]);
      }
    });
  }

  function begin(place) {
    seen.unobserve(place);
    if (begun.has(place) || !place.isConnected) return Promise.resolve();
    begun.add(place);
    return draw(place);
  }

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) begin(entry.target);
  }, { rootMargin: "400px" });

  // The others follow one by one while nothing else is to be done: paper shows what was never looked at, too.
  function drawOthers() {
    whenIdle(async () => {
      const place = waiting.shift();
      if (place) await begin(place);
      if (waiting.length) drawOthers();
    });
  }

  function prepare(part) {
    for (const place of part.querySelectorAll(".chart-place:not([data-ready])")) {
      place.dataset.ready = "yes";
      place.style.minHeight = `${place.dataset.height}px`;
      place.style.maxWidth = `${place.dataset.wide}px`;
      place.style.minWidth = `${place.dataset.least}px`;
      readable(place);
      seen.observe(place);
      if (waiting.push(place) === 1) drawOthers();
    }
    for (const place of drawn.keys()) {
      if (!place.isConnected) {
        drawn.get(place).finalize();
        drawn.delete(place);
      }
    }
  }

  const redraw = () => [...drawn.keys()].forEach(draw);
  document.addEventListener("ig:theme", redraw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  document.addEventListener("htmx:load", (event) => prepare(event.target.parentElement || document));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => prepare(document));
  else prepare(document);
})();
