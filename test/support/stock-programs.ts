/** Where `npm test` has put the stock programs; undefined where they could not be had. */
export const STOCK_PROGRAMS = process.env.FLIGHTDECK_STOCK_DAEMON;
