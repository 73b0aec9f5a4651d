// Two buttons on the map: to where the phone is, to the officer's zones.
import { effect } from "@preact/signals";
import type { IControl } from "maplibre-gl";
import { own } from "./words";

export class Buttons implements IControl {
  readonly element = document.createElement("div");
  readonly #stop: () => void;

  constructor(toHere: () => void, toZones: () => void) {
    this.element.className = "maplibregl-ctrl map-buttons";
    const made = [toHere, toZones].map((act, n) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button";
      button.dataset.act = n === 0 ? "to-here" : "to-zones";
      button.addEventListener("click", act);
      this.element.append(button);
      return button;
    });
    this.#stop = effect(() => {
      made[0]!.textContent = own.value.myPlace;
      made[1]!.textContent = own.value.myZone;
    });
  }

  onAdd(): HTMLElement {
    return this.element;
  }

  onRemove(): void {
    this.#stop();
    this.element.remove();
  }
}
