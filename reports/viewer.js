// A brain slab by slab: cellsift/reporting/viewer.py gives pictures, marks and what thresholds give.
"use strict";

const STEPS = 16;
const [UNKNOWN, ANNOTATED, ARTEFACT, NOT_PROPOSED] = [0, 1, 2, 3];
// Name in the legend, shape, colour; as in the pictures of the page.
const LOOKS = {
  cell: ["called a cell", "circle", "#E69F00"],
  found: ["annotated cell, called", "circle", "#E69F00"],
  alarm: ["called a cell, not annotated", "triangle", "#F0E442"],
  missed: ["annotated cell, not called", "cross", "#FF6EC7"],
  absent: ["annotated cell, no candidate", "plus", "#FFFFFF"],
  rejected: ["candidate, not called", "dot", "#56B4E9"],
};

function unpacked(text, of) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new of(bytes.buffer);
}

function element(name, properties = {}, children = []) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

function counted(number) {
  return Math.round(number).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

function percent(share) {
  return `${Math.round(100 * share)}%`;
}

class Viewer {
  constructor(place, data) {
    this.data = data;
    this.names = Object.keys(data.arms);
    this.slabs = data.slabs.map((slab) => ({
      ...slab,
      x: unpacked(slab.x, Uint16Array),
      y: unpacked(slab.y, Uint16Array),
      kind: unpacked(slab.kind, Uint8Array),
      reached: slab.reached.map((text) => unpacked(text, Uint8Array)),
    }));
    this.arm = element("select", { className: "arm" }, this.names.map(
      (name) => element("option", { value: name, textContent: name, selected: name === data.first })
    ));
    this.slab = element("input", { type: "range", min: 0, max: this.slabs.length - 1 });
    this.slab.value = Math.floor(this.slabs.length / 2);
    this.slab.setAttribute("aria-label", "slab of planes");
    this.threshold = element("input", { type: "range", min: 0, className: "threshold" });
    this.threshold.setAttribute("aria-label", "threshold on p_cell");
    this.back = element("button", { type: "button", textContent: "the arm's own threshold" });
    this.zoom = element("select", { className: "zoom" }, [1, 2, 4].map(
      (times) => element("option", { value: times, textContent: `${times} ×` })
    ));
    this.marks = element("input", { type: "checkbox", checked: true });
    this.canvas = element("canvas");
    this.canvas.setAttribute("role", "img");
    this.where = element("output", { className: "where" });
    this.said = element("output", { className: "told" });
    this.legend = element("p", { className: "legend" });
    const label = (text, ...inputs) => element("label", {}, [text, ...inputs]);
    place.append(
      element("div", { className: "controls" }, [
        label("Arm ", this.arm),
        label("Depth ", this.slab), this.where,
        label("Zoom ", this.zoom),
        label("", this.marks, " marks"),
      ]),
      element("div", { className: "controls" }, [label("Threshold ", this.threshold), this.back]),
      element("p", {}, [this.said]),
      element("div", { className: "frame" }, [this.canvas]),
      this.legend
    );
    place.hidden = false;
    this.arm.addEventListener("change", () => this.choose());
    this.back.addEventListener("click", () => this.choose());
    for (const input of [this.slab, this.threshold, this.zoom, this.marks]) {
      input.addEventListener("input", () => this.draw());
    }
    window.addEventListener("resize", () => this.draw());
    this.choose();
  }

  choose() {
    const arm = this.data.arms[this.arm.value];
    this.threshold.max = arm.threshold.length - 1;
    this.threshold.value = arm.own;
    this.draw();
  }

  draw() {
    const slab = this.slabs[Number(this.slab.value)];
    if (!slab.image) {
      slab.image = new Image();
      slab.image.src = slab.picture;
    }
    this.tell(slab);
    slab.image.decode().then(() => {
      if (slab === this.slabs[Number(this.slab.value)]) this.paint(slab);
    });
  }

  tell(slab) {
    const arm = this.data.arms[this.arm.value];
    const at = Number(this.threshold.value);
    const [first, last] = slab.planes;
    const depth = slab.depth.map((um) => Math.round(um)).join(" to ");
    const planes = first === last ? `plane ${first}` : `planes ${first} to ${last}`;
    this.where.textContent = `${planes}, ${depth} µm`;
    const own = at === arm.own ? ", the arm's own threshold" : "";
    let said = `${counted(arm.called[at])} candidates are called cells at p_cell from ` +
      `${Number(arm.threshold[at].toFixed(3))} on${own}.`;
    if (arm.cells) {
      said += ` Of them ${counted(arm.cells_low[at])} to ${counted(arm.cells_high[at])} are ` +
        `cells, ${percent(arm.found_low[at])} to ${percent(arm.found_high[at])} of all that the ` +
        `brain has (95% intervals).`;
    }
    this.said.textContent = `${said} ${this.data.note}`.trim();
    this.canvas.setAttribute("aria-label",
      `The signal in ${planes} with what ${this.arm.value} calls cells`);
  }

  kindOf(slab, index, arm, at) {
    const known = slab.kind[index];
    if (known === NOT_PROPOSED) return "absent";
    const called = slab.reached[arm][index] > at;
    if (known === ANNOTATED) return called ? "found" : "missed";
    if (known === ARTEFACT) return called ? "alarm" : "rejected";
    return called ? "cell" : "rejected";
  }

  paint(slab) {
    const { width, height, stretch } = this.data;
    const zoom = Number(this.zoom.value);
    const room = this.canvas.parentElement.clientWidth;
    const screen = window.devicePixelRatio || 1;
    const shown = Math.min(room, Math.max(width, 640)) * zoom;
    const scale = shown / width;
    this.canvas.style.width = `${shown}px`;
    this.canvas.style.height = `${height * stretch * scale}px`;
    this.canvas.width = Math.round(shown * screen);
    this.canvas.height = Math.round(height * stretch * scale * screen);
    const context = this.canvas.getContext("2d");
    context.scale(scale * screen, scale * screen);
    context.imageSmoothingEnabled = scale < 1;
    context.drawImage(slab.image, 0, 0, width, height * stretch);
    const seen = this.marks.checked ? this.paintMarks(context, slab, scale) : new Set();
    this.paintBar(context, scale);
    this.describe(seen);
  }

  paintMarks(context, slab, scale) {
    const arm = this.names.indexOf(this.arm.value);
    const at = Number(this.threshold.value);
    const size = Math.min(7, Math.max(1.5, 260 / Math.sqrt(slab.x.length + 1))) / Math.min(scale, 1.5);
    const seen = new Set();
    const line = Math.min(1.6, size / 3);
    for (let index = 0; index < slab.x.length; index++) {
      const kind = this.kindOf(slab, index, arm, at);
      const [, shape, color] = LOOKS[kind];
      seen.add(kind);
      const x = slab.x[index] / STEPS;
      const y = slab.y[index] / STEPS * this.data.stretch;
      context.fillStyle = color;
      context.beginPath();
      if (shape === "circle") context.arc(x, y, size, 0, 7);
      if (shape === "dot") context.arc(x, y, size / 4, 0, 7);
      if (shape === "triangle") {
        context.moveTo(x, y - size);
        context.lineTo(x + size, y + 0.8 * size);
        context.lineTo(x - size, y + 0.8 * size);
        context.closePath();
      }
      if (shape === "cross" || shape === "plus") {
        const [a, b] = shape === "plus" ? [size, 0] : [0.8 * size, 0.8 * size];
        context.moveTo(x - a, y - b);
        context.lineTo(x + a, y + b);
        context.moveTo(x - b, y + a);
        context.lineTo(x + b, y - a);
      }
      if (shape === "dot") {
        context.fill();
        continue;
      }
      // A dark rim, so that a mark can be seen on a bright cell.
      context.strokeStyle = "rgba(0, 0, 0, 0.6)";
      context.lineWidth = 2 * line;
      context.stroke();
      context.strokeStyle = color;
      context.lineWidth = line;
      context.stroke();
    }
    return seen;
  }

  paintBar(context, scale) {
    const { width, height, stretch, microns } = this.data;
    const most = width * microns / 4;
    const power = 10 ** Math.floor(Math.log10(most));
    const length = [5, 2, 1].map((step) => step * power).find((step) => step <= most * (1 + 1e-9));
    const [x, y] = [0.04 * width, 0.95 * height * stretch];
    const long = length / microns;
    const text = length >= 1000 ? `${length / 1000} mm` : `${length} µm`;
    context.fillStyle = "black";
    context.fillRect(x - 1 / scale, y - 1 / scale, long + 2 / scale, 6 / scale);
    context.fillStyle = "white";
    context.fillRect(x, y, long, 4 / scale);
    context.font = `${13 / scale}px sans-serif`;
    context.textAlign = "center";
    context.lineWidth = 3 / scale;
    context.strokeStyle = "black";
    context.strokeText(text, x + long / 2, y - 6 / scale);
    context.fillText(text, x + long / 2, y - 6 / scale);
  }

  describe(seen) {
    const shapes = { circle: "○", triangle: "△", cross: "×", plus: "+", dot: "•" };
    this.legend.replaceChildren(
      ...Object.keys(LOOKS).filter((kind) => seen.has(kind)).map((kind) => {
        const [name, shape, color] = LOOKS[kind];
        const sign = element("b", { textContent: shapes[shape] });
        sign.style.color = color;
        return element("span", {}, [sign, ` ${name}`]);
      })
    );
  }
}

for (const data of document.querySelectorAll("script.viewer-data")) {
  const place = data.previousElementSibling;
  new Viewer(place, JSON.parse(data.textContent));
}
