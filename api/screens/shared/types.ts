// The shapes the server answers with, by the names the screens call them: all of them are the API's own description
// (openapi.d.ts, which `make types` writes).
import type { components } from "./openapi";

type Described = components["schemas"];

export type Crs = "WGS84" | "GCJ02" | "BD09" | "CGCS2000" | `EPSG:${number}`;
export type Bbox = [west: number, south: number, east: number, north: number];

/** Something with a Chinese and an English name. */
export interface Named {
  name_zh: string;
  name_en?: string | null;
}
export interface CodeNamed extends Named {
  code: string;
}
export type Words = Described["Words"];

export type CityLayer = Described["CityLayer"];
/** Its box and its middle have as many numbers as such have, which a description of arrays does not say. */
export type City = Omit<Described["City"], "bbox" | "center"> & { bbox: Bbox; center: [lon: number, lat: number] };
export type Category = Described["Category"];
export type CategoryList = Described["Categories"];

/** The content of a layer is another one; without a version where there is no such layer any more. */
export interface LayerChange {
  id: string;
  version?: string | null;
}

/** A position in the hierarchy; code and name of the person only for those who may know people. */
export type Post = Described["Person"];
export type Candidate = Described["Candidate"];
export type Dispatch = Described["Dispatch"];
export type Located = Described["Located"];

/** What lies below, as much of it as a sentence needs. */
export type Pipe = Omit<Described["BeneathFeature"], "properties"> & {
  properties: { medium: string; owner_zh: string | null; owner_en: string | null; depth_m: number | null };
};

export type ReportBody = Described["ReportIn"];
export type ReportAnswer = Described["ReportAnswer"];
export type CaseRow = Described["CaseSummary"];
export type Me = Described["Me"];

/** What the live stream says of a case. */
export interface LiveCase {
  case_no: string;
  action: string;
  state: string;
  /** 1 to 7. */
  stage: number;
  category: CodeNamed;
  organisation: CodeNamed;
  lon: number;
  lat: number;
  at: string;
}

/** RFC 9457 problem details, with the server's stable `code`, and what some errors know beside. */
export type Problem = Described["Problem"] & {
  suggestion?: { lon: number; lat: number };
  retry_after_s?: number;
};
