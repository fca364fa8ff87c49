/* What the pages cannot do alone: follow saves, switch the theme, show which block is under the pointer. */
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // -- light or dark; the server reads the cookie, so that no page flashes
  const theme = () => {
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const next = (root.dataset.theme || system) === "dark" ? "light" : "dark";
    root.dataset.theme = next;
    document.cookie = `theme=${next}; path=/; max-age=31536000; samesite=strict`;
  };

  // -- tabs, by the keys that the ARIA pattern asks for
  const select = (tab) => {
    for (const other of $$('[role="tab"]', tab.closest("[data-tabs]"))) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", chosen);
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    sessionStorage.setItem("tab", tab.id);
  };
  const tabKeys = (event) => {
    const tabs = $$('[role="tab"]', event.target.closest("[data-tabs]"));
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
    select(next);
    next.focus();
    event.preventDefault();
  };

  // -- the mail in its frame: as tall as its content, its blocks named under the pointer
  const fit = (frame) => {
    const page = frame.contentDocument;
    if (!page || !page.body) return;
    frame.style.height = "0";
    frame.style.minHeight = "0";
    const tall = Math.max(page.documentElement.scrollHeight, page.body.scrollHeight, 120);
    frame.style.height = `${tall}px`;
  };

  /* Comments around each block: <!--block:slot/name--> … <!--/block--> */
  const blocksOf = (page) => {
    const walker = page.createTreeWalker(page.documentElement, NodeFilter.SHOW_COMMENT);
    const found = [];
    let open = null;
    while (walker.nextNode()) {
      const text = walker.currentNode.data;
      if (text.startsWith("block:")) open = { name: text.slice(6), start: walker.currentNode };
      else if (text === "/block" && open) {
        const range = page.createRange();
        range.setStartAfter(open.start);
        range.setEndBefore(walker.currentNode);
        const [slot, ...rest] = open.name.split("|");
        found.push({ slot, block: rest.join("|"), range });
        open = null;
      }
    }
    return found;
  };

  const box = (range) => {
    let top = Infinity, bottom = -Infinity;
    const walker = range.startContainer.ownerDocument.createTreeWalker(range.commonAncestorContainer, NodeFilter.SHOW_ELEMENT);
    while (walker.nextNode()) {
      if (!range.intersectsNode(walker.currentNode)) continue;
      const inside = range.comparePoint(walker.currentNode, 0) === 0;
      const area = walker.currentNode.getBoundingClientRect();
      if (inside && area.height > 0) {
        top = Math.min(top, area.top);
        bottom = Math.max(bottom, area.bottom);
      }
    }
    return top < bottom ? { top, bottom } : null;
  };

  const hover = (frame) => {
    const page = frame.contentDocument;
    const marks = frame.parentElement.querySelector(".marks");
    if (!page || !page.documentElement || !marks) return;
    const blocks = blocksOf(page);
    const at = (y) => blocks.map((block) => ({ ...block, area: box(block.range) })).find(({ area }) => area && y >= area.top && y <= area.bottom);
    const show = (block) => {
      for (const mark of $$(".mark:not(.differs)", marks)) mark.remove();
      for (const step of $$(".trace > li[data-slot]")) step.classList.toggle("lit", !!block && step.dataset.slot === block.slot);
      if (!block) return;
      const mark = document.createElement("div");
      mark.className = "mark";
      mark.style.top = `${block.area.top}px`;
      mark.style.height = `${block.area.bottom - block.area.top}px`;
      const label = document.createElement("div");
      label.className = "mark-label";
      label.textContent = block.block;
      const why = document.createElement("span");
      const step = document.getElementById(`slot-${block.slot}`);
      why.textContent = step ? $(".because", step).firstChild.textContent.trim().replace(/·$/, "") : block.slot;
      label.append(why);
      mark.append(label);
      marks.append(mark);
    };
    page.addEventListener("mousemove", (event) => show(at(event.clientY)));
    page.documentElement.addEventListener("mouseleave", () => show(null));
    page.addEventListener("click", (event) => {
      const block = at(event.clientY);
      const link = block && $(`#slot-${CSS.escape(block.slot)} .because a`);
      event.preventDefault();
      if (link) location.assign(link.href);
    });
    for (const step of $$(".trace > li[data-slot]")) {
      const block = blocks.find((one) => one.slot === step.dataset.slot);
      step.addEventListener("mouseenter", () => show(block && { ...block, area: box(block.range) }));
      step.addEventListener("mouseleave", () => show(null));
    }
  };

  /* Side by side: a frame around each block that is not the same on both sides. */
  const outline = (frame) => {
    const marks = frame.parentElement.querySelector(".marks");
    if (!marks || frame.dataset.differs === undefined) return;
    for (const mark of $$(".differs", marks)) mark.remove();
    const slots = frame.dataset.differs.split(" ");
    for (const block of blocksOf(frame.contentDocument)) {
      const area = slots.includes(block.slot) && box(block.range);
      if (!area) continue;
      const mark = document.createElement("div");
      mark.className = "mark differs";
      mark.style.top = `${area.top}px`;
      mark.style.height = `${area.bottom - area.top}px`;
      marks.append(mark);
    }
  };

  const dress = (frame) => {
    if (frame.dataset.dressed !== undefined) return;
    frame.dataset.dressed = "";
    const ready = () => {
      fit(frame);
      hover(frame);
      outline(frame);
      for (const picture of $$("img", frame.contentDocument || document.createElement("div"))) {
        if (!picture.complete) picture.addEventListener("load", () => { fit(frame); outline(frame); }, { once: true });
      }
      document.dispatchEvent(new CustomEvent("mail:shown", { detail: performance.now() }));
    };
    frame.addEventListener("load", ready);
    if (frame.contentDocument && frame.contentDocument.readyState === "complete" && frame.contentDocument.URL !== "about:blank") ready();
  };

  // -- live reload: a save is told, only the mails in view are fetched again
  const campaignHere = () => decodeURIComponent((location.pathname.match(/^\/c\/([^/]+)/) || [])[1] || "");
  const say = (text, file) => {
    const place = $("#filenote");
    place.replaceChildren();
    if (!text) return;
    const note = document.createElement("div");
    note.className = "note bad filenote";
    note.setAttribute("role", "alert");
    const title = document.createElement("strong");
    title.textContent = "The last save does not work yet. Below is the last picture that did.";
    const body = document.createElement("pre");
    body.tabIndex = 0;
    body.textContent = text;
    note.append(title, body);
    if (file) {
      const link = document.createElement("a");
      link.href = `/source?file=${encodeURIComponent(file)}`;
      link.textContent = `Open ${file}`;
      note.append(link);
    }
    place.append(note);
  };
  /* "sketched": the mail on the screen is new, but for style rules of blocks that it does not show.
     "saved": the whole campaign is, and the mail byte for byte what is sent; or the save does not work. */
  const refresh = (event) => {
    const here = campaignHere();
    if (event.campaign && here && event.campaign !== here) return;
    const frames = $$("iframe[data-mail]");
    if (event.kind === "sketched") {
      say("");
      for (const frame of frames) frame.contentWindow.location.reload();
      return;
    }
    say(event.error, event.error && event.files[0]);
    if (!event.error) {
      for (const frame of frames) frame.contentWindow.location.reload();
      const piece = $("[data-follow]");
      if (piece) htmx.ajax("GET", location.href, { target: "[data-follow]", select: "[data-follow]", swap: "outerHTML" });
      else if (!frames.length) location.reload();
    }
  };
  const follow = (address) => {
    const sign = $("#live");
    const source = new EventSource(address);
    source.onopen = () => sign.className = "live on";
    source.onerror = () => sign.className = "live off";
    source.onmessage = (message) => {
      const event = JSON.parse(message.data);
      if (event.kind !== "hello") refresh(event);
    };
    addEventListener("pagehide", () => source.close());
  };

  const dressAll = () => {
    const line = document.getElementById(location.hash.slice(1));  // :target is lost in a swap
    if (line?.matches(".code li")) line.classList.add("lit");
    for (const frame of $$("iframe[data-mail]")) dress(frame);
    for (const tabs of $$("[data-tabs]")) {
      const kept = document.getElementById(sessionStorage.getItem("tab"));
      if (kept && tabs.contains(kept)) select(kept);
    }
  };
  document.addEventListener("DOMContentLoaded", () => {
    dressAll();
    $("#theme")?.addEventListener("click", theme);
    const bar = $(".mainnav"), entry = $(".mainnav [aria-current]");  // on a phone the bar is wider than the screen
    if (entry && entry.offsetLeft + entry.offsetWidth > bar.clientWidth) bar.scrollLeft = entry.offsetLeft - bar.clientWidth / 2;
    const live = document.body.dataset.live;
    if (live) follow(live);
  });
  document.addEventListener("htmx:afterSettle", dressAll);
  document.addEventListener("click", (event) => {
    const tab = event.target.closest?.('[role="tab"]');
    if (tab) select(tab);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.matches?.('[role="tab"]')) tabKeys(event);
    if (event.key === "Escape") $("#found")?.replaceChildren();
    const typing = event.target.matches?.("input, select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    $(`[data-key="${CSS.escape(event.key)}"]`)?.click();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });
  addEventListener("resize", () => $$("iframe[data-mail]").forEach((frame) => { fit(frame); outline(frame); }));
})();
